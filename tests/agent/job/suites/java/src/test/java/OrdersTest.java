import org.junit.Test;

public class OrdersTest {
    @Test public void passes() { System.out.println("\u001b[31mred"); }
}
